"""How the system is run: schema and topics, and servers on one machine."""
