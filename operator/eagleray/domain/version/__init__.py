"""How much there is to be of what: who is stable, who takes over, who leaves; rollouts and scaling."""
