"""Facts of the upstream: Copilot's hosts, headers, endpoints and what its errors mean."""
