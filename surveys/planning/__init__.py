"""Plans of surveys: regions, tiles, windows and schedules."""
