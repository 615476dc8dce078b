"""The VRRP protocol without any I/O, usable on its own."""
