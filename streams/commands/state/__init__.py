"""`tocsin state`: show, check, save, restore, move and reset the state that workers keep."""
