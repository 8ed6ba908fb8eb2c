"""What each torch operation does to channels: a rule is a function of the `ChannelGraph` and the call."""
