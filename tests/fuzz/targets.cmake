# One line for each fuzz target: noroshi_fuzz(<name> DEPS <targets>)
noroshi_fuzz(config DEPS common_config)
noroshi_fuzz(journal DEPS hub_journal)
