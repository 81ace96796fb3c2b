"""Shot types of photos (App. B, Fig. 9): their CSV, and a page that makes one."""
