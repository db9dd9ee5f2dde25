"""The engines that make files, behind one interface and one verifier."""
