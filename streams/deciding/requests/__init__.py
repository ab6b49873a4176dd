"""The stage that judges requests of authorities: refusals, competence, completeness, gates and clocks."""
