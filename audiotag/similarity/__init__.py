"""What sounds alike: embeddings of clips, and what can be found with them.

Read `vectors` (how the folds' embeddings become one vector), `embedding_store` (the cache of vectors in the workspace),
`embedding_job` (embeds the clips of a dataset in a process of its own), then `nearest` (which clips sound alike).
"""
