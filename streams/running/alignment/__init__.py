"""Reads sources side by side in event time while any source of the fleet is behind.

After a downtime each fetch holds hours of one partition. Read one after the other, reports would reach their
channels out of order by hours, and escalations would open late, end late, or be missed.
"""
