"""Which law applies to a case: jurisdictions, duties, deadlines, routing and the rule of law. Stateless."""
