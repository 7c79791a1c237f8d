"""`winnow eval ...`: tasks of a dataset.

As in `winnow.cli`, commands import what they need when they run.
"""

import typer

from winnow.cli_grade import grade
from winnow.cli_images import app as images_app

app = typer.Typer(no_args_is_help=True, help="Work on the tasks of a dataset, and grade patches of them.")
app.add_typer(images_app, name="images")
app.command()(grade)
