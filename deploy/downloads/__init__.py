"""What local servers need: jars from Maven and Java 17, downloaded once and verified."""
