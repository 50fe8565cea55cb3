"""AllenSDK's project caches and session objects over the lake: a notebook runs by changing one import."""
