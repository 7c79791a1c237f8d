"""What models are told. The texts are files beside this one; this module fills their gaps."""

from agent.templates import Templates

render = Templates(__name__).render
