"""The services outside, each spoken to over the `HttpClient` port."""
