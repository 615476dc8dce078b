"""Linux: raw sockets, addresses and links. No decision is taken here."""
