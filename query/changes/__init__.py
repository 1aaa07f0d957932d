"""Tell changes of status to whoever listens: follow the topic, judge what is news, stream it."""
