//! The course of a world: happenings, scans, deliveries and deliveries again, each in its time.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use tokio::{sync::Notify, task::LocalSet, time::sleep_until};

use super::{
    process::{Process, Role, SetUp, Shared},
    *,
};

/// An event on its way to a function.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    /// Lambda's request id, or the id of the message: the same when it comes again.
    id: String,
    payload: String,
    role: Role,
    /// Whether it goes through the queue.
    is_queued: bool,
    process: usize,
    /// How many times it came before.
    attempts: u32,
}

/// What is due at a time.
#[derive(Debug)]
enum Due {
    Happening(Happening),
    /// The end of a scan.
    Scan(ImageId, u64),
    /// A task pulls its image.
    Pull(u8),
    Delivery(Delivery),
    /// Lambda takes a batch from the queue.
    Batch,
}

/// Lambda tries an event again after one minute, and once more after two.
const AGAIN: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// How long the template lets a batch gather.
const WINDOW: Duration = Duration::from_mins(1);
/// How long the template hides a message that is being handled.
const HIDDEN: Duration = Duration::from_mins(31);
/// How often the template has a message handled.
const MOST_RECEIVES: u32 = 5;

/// A world under way.
pub(super) struct World {
    shared: Arc<Shared>,
    /// Two of each function, in the order of [`Role::ALL`].
    processes: Vec<Process>,
    agenda: RefCell<BTreeMap<(Instant, usize), Due>>,
    entries: Cell<usize>,
    /// Messages that wait for a batch.
    queue: RefCell<Vec<Delivery>>,
    /// What was delivered in vain too often.
    lost: RefCell<Vec<Delivery>>,
    busy: Cell<usize>,
    changed: Notify,
}

impl World {
    /// Runs a world to its end; gives it for a look.
    pub(super) fn run(
        is_enhanced: bool,
        set_up: &SetUp,
        chaos: Chaos,
        happenings: &[(Duration, Happening)],
    ) -> Rc<Self> {
        Self::run_and(is_enhanced, set_up, chaos, happenings, async |_| ())
    }

    /// Runs a world to its end, looks, brings back what was given up, as a person does who redrives the
    /// queues of dead letters, and runs on to the end of that.
    pub(super) fn run_and_redrive(
        is_enhanced: bool,
        set_up: &SetUp,
        chaos: Chaos,
        happenings: &[(Duration, Happening)],
        look: impl FnOnce(&Self),
    ) -> Rc<Self> {
        Self::run_and(is_enhanced, set_up, chaos, happenings, async |world| {
            look(&world);
            world.redrive();
            world.go_on().await;
        })
    }

    fn run_and(
        is_enhanced: bool,
        set_up: &SetUp,
        chaos: Chaos,
        happenings: &[(Duration, Happening)],
        then: impl AsyncFnOnce(Rc<Self>),
    ) -> Rc<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, async {
            begin();
            let world = Rc::new(Self::new(is_enhanced, set_up, chaos));
            for (after, happening) in happenings {
                world.enter(*after, Due::Happening(happening.clone()));
            }
            world.clone().go_on().await;
            then(world.clone()).await;
            world
        })
    }

    /// What was delivered in vain too often, and what the functions put aside themselves.
    pub(super) fn given_up(&self) -> Vec<Delivery> {
        let aside = self.see(|aws| aws.aside.clone());
        let aside = aside.into_iter().map(|Aside { payload, .. }| {
            let (role, is_queued) = route(&serde_json::from_str(&payload).unwrap()).unwrap();
            Delivery {
                id: "redriven".to_owned(),
                payload,
                role,
                is_queued,
                process: 1,
                attempts: 0,
            }
        });
        self.lost.borrow().iter().cloned().chain(aside).collect()
    }

    fn redrive(&self) {
        let given_up = self.given_up();
        self.lost.take();
        self.shared.aws.lock().unwrap().aside.clear();
        for delivery in given_up {
            let delivery = Delivery {
                attempts: 0,
                ..delivery
            };
            // Whatever was in the way is gone by then.
            self.enter(Duration::from_hours(1), Due::Delivery(delivery));
        }
    }

    fn new(is_enhanced: bool, set_up: &SetUp, chaos: Chaos) -> Self {
        let shared = Arc::new(Shared {
            aws: Mutex::new(Aws::new(is_enhanced)),
            chaos: Mutex::new(chaos),
        });
        let roles = Role::ALL.into_iter().flat_map(|role| [role, role]);
        let processes = roles
            .enumerate()
            .map(|(number, role)| Process::new(number, role, set_up.clone(), &shared));
        let processes = processes.collect();
        let policy = format!("version: 1\n{}\n", set_up.policy);
        let policy = Policy::from_yaml(&policy, now()).unwrap();
        let may_break = set_up.policy.contains("in-use: quarantine");
        let mut aws = shared.aws.lock().unwrap();
        aws.watch.expect(set_up.mode, &policy, may_break);
        drop(aws);
        Self {
            shared,
            processes,
            agenda: RefCell::default(),
            entries: Cell::default(),
            queue: RefCell::default(),
            lost: RefCell::default(),
            busy: Cell::default(),
            changed: Notify::new(),
        }
    }

    /// What a look at AWS gives.
    pub(super) fn see<T>(&self, look: impl FnOnce(&Aws) -> T) -> T {
        look(&self.shared.aws.lock().unwrap())
    }

    /// What all of it came to.
    pub(super) fn outcome(&self) -> Outcome {
        self.see(Outcome::of)
    }

    fn enter(&self, after: Duration, due: Due) {
        let entry = self.entries.get();
        self.entries.set(entry + 1);
        let at = Instant::now() + after;
        self.agenda.borrow_mut().insert((at, entry), due);
    }

    /// Until nothing is left to happen, to deliver or to handle.
    async fn go_on(self: Rc<Self>) {
        loop {
            let next = self.agenda.borrow().keys().next().copied();
            match next {
                Some((at, _)) => tokio::select! {
                    biased;
                    // What is handled meanwhile may have entered something earlier.
                    () = self.changed.notified() => continue,
                    () = sleep_until(at) => {}
                },
                None if self.busy.get() > 0 => {
                    self.changed.notified().await;
                    continue;
                }
                None => return,
            }
            let first = self.agenda.borrow_mut().pop_first();
            if let Some((_, due)) = first {
                self.clone().take(due).await;
            }
        }
    }

    async fn take(self: Rc<Self>, due: Due) {
        match due {
            Due::Happening(happening) => {
                let events = happening.happen(&self.shared.aws).await;
                if let Happening::Start(number, _) = happening {
                    let until = self.shared.chaos.lock().unwrap().while_aws_works();
                    self.enter(until, Due::Pull(number));
                }
                self.announce(events);
            }
            Due::Scan(id, number) => {
                let events = self
                    .shared
                    .aws
                    .lock()
                    .unwrap()
                    .registry
                    .end_scan(id, number);
                self.announce(events);
            }
            Due::Pull(number) => {
                let aws = &mut *self.shared.aws.lock().unwrap();
                aws.ecs.pull(number, &aws.registry);
            }
            Due::Delivery(delivery) if delivery.is_queued => {
                if self.queue.borrow().is_empty() {
                    self.enter(WINDOW, Due::Batch);
                }
                self.queue.borrow_mut().push(delivery);
            }
            Due::Delivery(delivery) => self.work(async |world| world.deliver(delivery).await),
            Due::Batch => {
                let messages = self.queue.take();
                self.work(async |world| world.deliver_batch(messages).await);
            }
        }
    }

    /// Enters the deliveries of what AWS announces, and the ends of scans that have begun.
    fn announce(&self, events: Vec<Value>) {
        let mut chaos = self.shared.chaos.lock().unwrap();
        let passed = Instant::now() - BEGAN.get().unwrap();
        for mut event in events {
            let Some((role, is_queued)) = route(&event) else {
                continue;
            };
            event["id"] = json!(format!("event-{}", self.entries.get()));
            for (after, process) in chaos.deliveries(passed) {
                let delivery = Delivery {
                    id: format!("delivery-{}", self.entries.get()),
                    payload: event.to_string(),
                    role,
                    is_queued,
                    process,
                    attempts: 0,
                };
                self.enter(after, Due::Delivery(delivery));
            }
        }
        let begun = std::mem::take(&mut self.shared.aws.lock().unwrap().registry.begun);
        for (id, number) in begun {
            self.enter(chaos.while_aws_works(), Due::Scan(id, number));
        }
    }

    fn work<F: Future<Output = ()> + 'static>(self: &Rc<Self>, work: impl FnOnce(Rc<Self>) -> F) {
        self.busy.set(self.busy.get() + 1);
        let world = self.clone();
        let work = work(self.clone());
        tokio::task::spawn_local(async move {
            work.await;
            world.busy.set(world.busy.get() - 1);
            world.changed.notify_one();
        });
    }

    fn process(&self, role: Role, number: usize) -> &Process {
        let place = Role::ALL.iter().position(|one| *one == role).unwrap();
        &self.processes[2 * place + number]
    }

    async fn deliver(self: Rc<Self>, mut delivery: Delivery) {
        let process = self.process(delivery.role, delivery.process);
        let is_handled = process.handle(&delivery.payload, &delivery.id).await;
        let caused = std::mem::take(&mut self.shared.aws.lock().unwrap().caused);
        self.announce(caused);
        if is_handled {
            return;
        }
        let again = AGAIN.get(usize::try_from(delivery.attempts).unwrap());
        delivery.attempts += 1;
        match again {
            Some(after) => self.enter(*after, Due::Delivery(delivery)),
            None => self.lost.borrow_mut().push(delivery),
        }
    }

    /// To the process for which the first of them was meant.
    async fn deliver_batch(self: Rc<Self>, messages: Vec<Delivery>) {
        let Some(first) = messages.first() else {
            return;
        };
        let process = self.process(first.role, first.process);
        let bodies: Vec<_> = messages
            .iter()
            .map(|message| (message.id.clone(), message.payload.clone()))
            .collect();
        let request_id = format!("batch-{}", self.entries.get());
        let failed = process.handle_batch(&bodies, &request_id).await;
        for mut message in messages.into_iter().filter(|it| failed.contains(&it.id)) {
            message.attempts += 1;
            if message.attempts < MOST_RECEIVES {
                self.enter(HIDDEN, Due::Delivery(message));
            } else {
                self.lost.borrow_mut().push(message);
            }
        }
    }
}

/// Which function the template's rules send an event to, and whether through the queue.
fn route(event: &Value) -> Option<(Role, bool)> {
    let detail = &event["detail"];
    match event["detail-type"].as_str()? {
        "AWS API Call via CloudTrail" => Some((Role::Definitions, false)),
        "ECR Image Scan" | "Inspector2 Scan" => Some((Role::Scans, false)),
        "Inspector2 Finding" => Some((Role::Scans, true)),
        "ECR Image Action" if detail["action-type"] == "PUSH" => Some((Role::Pushes, false)),
        "ECR Image Action" if detail["target-storage-class"] == "STANDARD" => {
            Some((Role::Pushes, false))
        }
        _ => None,
    }
}
