"""Who speaks VRRP on a segment, and what is wrong there: listens, and sends nothing."""
