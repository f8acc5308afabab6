"""twin: a discrete-event digital twin of a solar-powered AI data centre."""
