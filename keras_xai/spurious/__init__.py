"""Verified reliance on small regions and global properties: proposals, interventions, decision, alert."""
