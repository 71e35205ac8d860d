"""The HTTP face: raw ASGI 3 in Starlette's shape, routes, guard, errors in the client's dialect."""
