from chassis.probe import probe

probe()
