"""Run against run: comparison, gate, history, leaderboard."""
