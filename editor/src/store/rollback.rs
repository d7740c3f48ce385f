//! Going back to an earlier state: by appending what it takes, in one transaction.

use super::database::Database;
use crate::{
    edit::{Attribution, Limits, RollBack, RolledBack, Seq},
    error::EditError,
    live::Live,
    time::Timestamp,
};
use amend_proto::TenantId;
use sqlx::Row;

/// One entry for each edit that stands with another version than then, or only then, or only now. Only edits with
/// entries after then are looked at. What comes back is appended in the order in which it was written first.
const APPEND: &str = "
    INSERT INTO edit_log (op, tenant, edit_id, text, subject, details, version, created_at, updated_at,
                          at, batch, author, reason, rolled_back_to)
    SELECT CASE WHEN stood THEN 'restore' ELSE 'retire' END, touched.tenant, touched.edit_id,
           CASE WHEN stood THEN past.text END, CASE WHEN stood THEN past.subject END,
           CASE WHEN stood THEN past.details END, CASE WHEN stood THEN coalesce(past.version, past.seq) END,
           CASE WHEN stood THEN coalesce(past.created_at, past.at) END,
           CASE WHEN stood THEN coalesce(past.updated_at, past.at) END,
           ?3, ?4, ?5, ?6, ?1
    FROM (SELECT DISTINCT tenant, edit_id FROM edit_log
          WHERE seq > ?1 AND (?2 IS NULL OR tenant = ?2)) AS touched
    JOIN edit_log now ON now.seq = (SELECT max(seq) FROM edit_log e
          WHERE e.tenant = touched.tenant AND e.edit_id = touched.edit_id)
    LEFT JOIN edit_log past ON past.seq = (SELECT max(seq) FROM edit_log e
          WHERE e.tenant = touched.tenant AND e.edit_id = touched.edit_id AND e.seq <= ?1)
    WHERE CASE WHEN stood
               THEN now.op IN ('retire', 'displace')
                    OR coalesce(now.version, now.seq) <> coalesce(past.version, past.seq)
               ELSE now.op NOT IN ('retire', 'displace') END
    ORDER BY stood, CASE WHEN stood THEN coalesce(past.version, past.seq) END, touched.tenant, touched.edit_id";

/// Whether an edit stood then.
const STOOD: &str = "(past.op IS NOT NULL AND past.op NOT IN ('retire', 'displace'))";

/// How many entries after ?1 take back, how many restore, and how many of these edits did not stand before.
const COUNT: &str = "
    SELECT coalesce(sum(op = 'retire'), 0), coalesce(sum(op = 'restore'), 0),
           coalesce(sum(op = 'restore' AND (SELECT before.op FROM edit_log before
               WHERE before.tenant = l.tenant AND before.edit_id = l.edit_id AND before.seq <= ?1
               ORDER BY before.seq DESC LIMIT 1) IN ('retire', 'displace')), 0)
    FROM edit_log l WHERE seq > ?1";

/// A rollback of one tenant's edits, or of everyone's.
#[derive(Debug)]
pub(crate) struct Rollback {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) request: RollBack,
}

impl Rollback {
    /// Appends and commits. When it is refused, nothing is appended.
    pub(super) async fn run(
        &self,
        database: &mut Database,
        live: &Live,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Result<RolledBack, EditError>, sqlx::Error> {
        let from = live.through();
        if self.request.to > from {
            let reason = format!("must not lie ahead: the log ends at {from}, not at {}", self.request.to);
            return Ok(Err(EditError::invalid("to", reason)));
        }
        sqlx::query("BEGIN IMMEDIATE").execute(&mut database.connection).await?;
        self.append(database, from, now).await?;
        let row = sqlx::query(COUNT).bind(from.get()).fetch_one(&mut database.connection).await?;
        let number = |column| -> Result<u64, sqlx::Error> {
            row.try_get::<i64, _>(column).map(|n| u64::try_from(n).unwrap_or_default())
        };
        let (retired, restored, more) = (number(0)?, number(1)?, number(2)?);
        // One that leaves no more than there were is done also where more stand than are allowed.
        if more > retired && live.len() as u64 + more - retired > limits.max_live as u64 {
            sqlx::query("ROLLBACK").execute(&mut database.connection).await?;
            return Ok(Err(EditError::Full { limit: limits.max_live }));
        }
        sqlx::query("COMMIT").execute(&mut database.connection).await?;
        let through = from.plus(usize::try_from(retired + restored).unwrap_or(usize::MAX));
        Ok(Ok(RolledBack { to: self.request.to, from, through, retired, restored }))
    }

    async fn append(&self, database: &mut Database, from: Seq, now: Timestamp) -> Result<(), sqlx::Error> {
        let Attribution { author, reason } = &self.request.by;
        let sql = APPEND.replace("stood", STOOD);
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.request.to.get())
            .bind(self.tenant.as_ref().map(TenantId::as_str))
            .bind(now.seconds())
            .bind(from.plus(1).get())
            .bind(author.as_deref())
            .bind(reason.as_deref())
            .execute(&mut database.connection)
            .await
            .map(drop)
    }
}
