"""What drives the channels of a network: optimised images, and the samples that come nearest to them."""
