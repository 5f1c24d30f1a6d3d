"""The default image model, from open artwork to exported weights.

Stages, in order (``stages.py``): *prepare* (artwork to arrays), *latents* (the linear latent
space), *text* (tokenizer and text encoder), *autoencoder*, *denoiser*, *classifier* and *score*,
*export*. Each leaves its result in the work folder and goes on from its checkpoint when it is
called again. torch and diffusers are imported only inside the stages that need them.
"""
