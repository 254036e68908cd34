"""The name that a parameter has in the plain model."""

# What `torch.compile`, sharding and activation checkpointing insert into the names of the parameters they
# wrap. What is drawn for a parameter must not depend on them.
_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")


def plain_name(name: str) -> str:
    """Take out of a name what wrappers put there."""
    for wrapper in _WRAPPERS:
        name = name.replace(wrapper, "")
    return name
