"""The Python half of the local host: gives the core its ports, over functions of the TypeScript half."""
