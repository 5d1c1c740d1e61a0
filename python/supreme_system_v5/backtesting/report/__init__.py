"""The report of a backtest: figures, a verdict, the terminal's table, the page and the files."""
