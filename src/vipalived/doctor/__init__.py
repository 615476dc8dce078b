"""`vipalived doctor`: what keeps a VIP from working on this node. It reads, listens and asks; it changes nothing."""
