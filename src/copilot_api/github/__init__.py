"""GitHub: signing in, the token exchange, the account, and where its token is kept."""
