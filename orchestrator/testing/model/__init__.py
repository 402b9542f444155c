"""The scripted model: a server of the Responses API that plays a scenario, for demos and for every test.

Standard library only: it also runs in a container that has nothing but python3.
"""
