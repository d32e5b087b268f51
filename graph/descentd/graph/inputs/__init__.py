"""The inputs of the registry (manifests, their parts, and acts), as pydantic models that validate what is sent."""
