"""Data contracts and everything that is derived from them."""
