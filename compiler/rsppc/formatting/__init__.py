"""How sources look: from the text of a file to the same text in one layout, nothing lost and nothing decided anew.

Layout is all that is touched. Every key, value and comment is copied as its author wrote it, in the author's order;
what changes is what stands between them. What comes out is read again and compared before anybody writes it.
"""
