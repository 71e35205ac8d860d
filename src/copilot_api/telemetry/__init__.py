"""OpenTelemetry: spans and metrics of requests, by its conventions for generative AI (``--otel``).

Imported only where it is on. Everything is made after a request is over, by a thread; no content is in it.
"""
