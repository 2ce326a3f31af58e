"""The CustomResourceDefinition, compiled from the pydantic models."""
