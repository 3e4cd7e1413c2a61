"""Vocabulary shared by every process: types, protocols, errors, time, geometry, wire, memory."""
