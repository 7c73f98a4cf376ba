# One line for each fuzz target: noroshi_fuzz(<name> DEPS <targets>)
