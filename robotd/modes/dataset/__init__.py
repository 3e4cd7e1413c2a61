"""`robotd dataset`: recorded episodes as a person sees them."""
