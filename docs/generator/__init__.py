"""The documentation's generated parts, made from the code when the site is built. Nothing of it is checked in.

A page says where one goes: a line `<!-- generated: settings -->` becomes what `PARTS["settings"]` answers.
"""
