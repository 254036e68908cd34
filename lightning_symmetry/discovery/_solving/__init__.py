"""From steps to groups: scales and signs, linear spaces, planes, branches."""
