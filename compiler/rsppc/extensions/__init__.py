"""Extensions: what plugins promise in their manifests, who may register them, and a harness that tries a node.

Compilation never asks here what is installed: only manifests in the workspace count.
"""
