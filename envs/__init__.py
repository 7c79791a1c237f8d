"""What is to be solved and how it is checked: tasks, repositories, images, suites, patches."""
