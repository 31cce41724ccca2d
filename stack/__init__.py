"""The one-machine runtime: settings, pinned artefacts, supervised services and the `lake` command."""
