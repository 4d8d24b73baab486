# SPDX-License-Identifier: Apache-2.0
"""The test rig: private servers, the stack under test, and the small tools to drive them."""
