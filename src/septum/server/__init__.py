"""The workbench: a project served to the browser and to notebooks, and the page itself in `static/`."""
