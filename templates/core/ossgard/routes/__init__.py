"""The handlers of the routes: what each answers, by the part of the service it is about."""
