from .matrix import summary

MATRIX = "test_matrix.py"


def pytest_terminal_summary(terminalreporter) -> None:
    """Say which pairs of ways to train have met, if the matrix has run."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    if any(report.when == "call" and MATRIX in report.nodeid for report in reports):
        terminalreporter.write_line(summary())
