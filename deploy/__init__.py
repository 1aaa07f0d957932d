"""Everything to run the system: on one machine, in containers, in Kubernetes."""
