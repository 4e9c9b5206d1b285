"""What is wrong, or will be, on this machine: each thing with how to mend it.

    files, profiles, environment, network, programs -> findings

One file a family of checks, each a function of facts that it is given, and
``examine`` brings the facts. Nothing here prompts, uses credentials, or shows a value
of a command: such a line may hold a secret.
"""
