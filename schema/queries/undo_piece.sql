-- SPDX-License-Identifier: Apache-2.0
-- After a piece was refused.
ROLLBACK TO SAVEPOINT piece;
RELEASE SAVEPOINT piece;
